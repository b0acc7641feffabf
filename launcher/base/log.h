// Messages for the user.

#ifndef LAUNCHER_BASE_LOG_H_
#define LAUNCHER_BASE_LOG_H_

#include <functional>
#include <string>
#include <utility>

namespace lguest {

// Takes one line for the user, without a newline. Text of a guest has passed QuoteForTerminal().
using LogSink = std::function<void(const std::string& line)>;

// A message that is logged at most once, however often the guest causes it.
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
