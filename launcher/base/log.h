// What the devices have to say to the user.

#ifndef LAUNCHER_BASE_LOG_H_
#define LAUNCHER_BASE_LOG_H_

#include <functional>
#include <string>
#include <utility>

namespace lguest {

// Takes one line without its end, in words for the user. Text that comes from a guest has been
// through EscapeForTerminal().
using NoticeSink = std::function<void(const std::string& line)>;

// A notice that is given at most once, however often a guest makes its cause happen.
class OneNotice {
 public:
  explicit OneNotice(NoticeSink sink) : sink_(std::move(sink)) {}

  void Give(const std::string& line) {
    if (given_) return;
    given_ = true;
    if (sink_) sink_(line);
  }

 private:
  NoticeSink sink_;
  bool given_ = false;
};

}  // namespace lguest

#endif  // LAUNCHER_BASE_LOG_H_
