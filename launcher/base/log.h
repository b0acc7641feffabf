// What the devices have to say to the user.

#ifndef LAUNCHER_BASE_LOG_H_
#define LAUNCHER_BASE_LOG_H_

#include <functional>
#include <string>
#include <utility>

namespace lguest {

// Takes one line without its end, in words for the user. Text that comes from a guest has been
// through QuoteForTerminal().
using LogSink = std::function<void(const std::string& line)>;

// A notice that is given at most once, however often a guest makes its cause happen.
class LogOnce {
 public:
  explicit LogOnce(LogSink sink) : sink_(std::move(sink)) {}

  void Log(const std::string& line) {
    if (given_) return;
    given_ = true;
    if (sink_) sink_(line);
  }

 private:
  LogSink sink_;
  bool given_ = false;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_LOG_H_
