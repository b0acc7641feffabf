// A process on a terminal of its own, for tests.

#ifndef DEVICES_TESTING_CHILD_ON_TERMINAL_H_
#define DEVICES_TESTING_CHILD_ON_TERMINAL_H_

#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

#include "gtest/gtest.h"

namespace lguest {

// The child's ends of the pipes between the child and the test.
inline int g_child_ready_fd = -1;
inline int g_child_go_fd = -1;

// A child process in a new session, with a pseudo-terminal as its standard input. The test holds
// the master side. It also keeps the slave side open, to read the terminal mode after the child has
// exited.
class ChildOnTerminal {
 public:
  // Runs `body` in the child; its return value is the exit code.
  explicit ChildOnTerminal(const std::function<int()>& body) {
    int terminal_fd = -1;
    EXPECT_EQ(openpty(&user_fd_, &terminal_fd, nullptr, nullptr, nullptr), 0);
    terminal_fd_ = terminal_fd;
    tcgetattr(terminal_fd_, &original_);
    int ready[2];
    int go[2];
    EXPECT_EQ(pipe(ready), 0);
    EXPECT_EQ(pipe(go), 0);
    ready_fd_ = ready[0];
    go_fd_ = go[1];
    child_ = fork();
    if (child_ == 0) {
      close(ready_fd_);
      close(go_fd_);
      close(user_fd_);
      login_tty(terminal_fd);
      g_child_ready_fd = ready[1];
      g_child_go_fd = go[0];
      exit(body());
    }
    close(ready[1]);
    close(go[0]);
  }

  ~ChildOnTerminal() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(user_fd_);
    close(terminal_fd_);
    close(ready_fd_);
    close(go_fd_);
  }

  // For the child: signals the test that it may check, and waits until the test has checked.
  static void SignalReady() {
    if (write(g_child_ready_fd, "r", 1) != 1) _exit(94);
  }
  static void WaitGo() {
    char c;
    if (read(g_child_go_fd, &c, 1) != 1) _exit(95);
  }
  static int WaitForever() {
    while (true) pause();
  }

  // For the test.
  void WaitReady() const {
    char c;
    ASSERT_EQ(read(ready_fd_, &c, 1), 1);
  }
  void SignalGo() const { ASSERT_EQ(write(go_fd_, "g", 1), 1); }
  bool IsRaw() const {
    const termios now = Mode();
    return (now.c_lflag & (ICANON | ECHO | ISIG | IEXTEN)) == 0 &&
           (now.c_iflag & (IXON | ICRNL)) == 0;
  }
  bool IsRestored() const {
    const termios now = Mode();
    return now.c_lflag == original_.c_lflag && now.c_iflag == original_.c_iflag &&
           now.c_oflag == original_.c_oflag && now.c_cflag == original_.c_cflag &&
           now.c_cc[VMIN] == original_.c_cc[VMIN] && now.c_cc[VTIME] == original_.c_cc[VTIME];
  }
  bool BecomesRaw() const {
    return Becomes([this] { return IsRaw(); });
  }
  termios Mode() const {
    termios now = {};
    EXPECT_EQ(tcgetattr(terminal_fd_, &now), 0);
    return now;
  }
  void SetOriginal() const { EXPECT_EQ(tcsetattr(terminal_fd_, TCSANOW, &original_), 0); }
  pid_t child() const { return child_; }
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    child_ = -1;
    return status;
  }

 private:
  static bool Becomes(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  int user_fd_ = -1;
  int terminal_fd_ = -1;
  int ready_fd_ = -1;
  int go_fd_ = -1;
  pid_t child_ = -1;
  termios original_ = {};
};

}  // namespace lguest

#endif  // DEVICES_TESTING_CHILD_ON_TERMINAL_H_
