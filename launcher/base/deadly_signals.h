// Cleans up before a signal ends the process.

#ifndef LAUNCHER_BASE_DEADLY_SIGNALS_H_
#define LAUNCHER_BASE_DEADLY_SIGNALS_H_

#include <atomic>

namespace lguest {

// While an object lives, its action runs before a signal whose default is deadly ends the process:
// all of them, except SIGKILL and those that the program ignores or handles itself. The signal then
// has its default effect, so that the parent process sees which signal it was.
//
// Objects are created and destroyed on one thread. Actions of several objects run in the reverse
// order of their creation.
class DeadlySignalAction {
 public:
  // `action` is called with `context` in a signal handler, on any thread: it may only make
  // async-signal-safe calls.
  using Action = void (*)(void* context);
  DeadlySignalAction(Action action, void* context);
  ~DeadlySignalAction();
  DeadlySignalAction(const DeadlySignalAction&) = delete;
  DeadlySignalAction& operator=(const DeadlySignalAction&) = delete;

  // Runs the actions of all objects. Async-signal-safe.
  static void RunAll();

 private:
  const Action action_;
  void* const context_;
  std::atomic<DeadlySignalAction*> next_;  // created before this one
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_DEADLY_SIGNALS_H_
