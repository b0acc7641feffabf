// Runs the launcher on a real /dev/lguest, as root on a minimal 32-bit Linux 2.6.23.
//
// usage: main LAUNCHER CONFORMANCE OUR_VMLINUX OUR_BZIMAGE GUEST_KERNEL GUEST_INITRD
//
// Each case prints a line "PASS case" or "FAIL case why". The disk is /dev/hda.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kCannotRun = 127;

// The limit of one program. The slowest takes a tenth of this in QEMU.
constexpr unsigned kDeadlineSeconds = 180;

// A child process. Its output is printed and stored.
class Program {
 public:
  explicit Program(std::vector<std::string> words) {
    std::array<int, 2> output = {-1, -1};
    if (pipe(output.data()) != 0) return;
    process_ = fork();
    if (process_ == 0) Exec(words, output[1]);
    close(output[1]);
    output_ = output[0];
  }

  // Reads until the output contains `text`. Returns false at the end of the output.
  bool WaitForText(std::string_view text) {
    std::array<char, 4096> piece;
    while (text_.find(text) == std::string::npos) {
      const ssize_t len = read(output_, piece.data(), piece.size());
      if (len <= 0) return false;
      text_.append(piece.data(), static_cast<size_t>(len));
      std::fwrite(piece.data(), 1, static_cast<size_t>(len), stdout);
      std::fflush(stdout);
    }
    return true;
  }

  // Reads the rest of the output. Returns the exit status, or the negative number of the signal
  // that ended the program: -SIGALRM after the deadline.
  int End() {
    constexpr std::string_view kNeverPrinted("\0", 1);
    WaitForText(kNeverPrinted);
    close(output_);
    int status = 0;
    if (waitpid(process_, &status, 0) != process_) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  [[noreturn]] static void Exec(std::vector<std::string>& words, int output) {
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    alarm(kDeadlineSeconds);  // stays in force after execv()
    execv(pointers[0], pointers.data());
    _exit(kCannotRun);
  }

  pid_t process_ = -1;
  int output_ = -1;
  std::string text_;
};

class Cases {
 public:
  explicit Cases(char** words)
      : launcher_(words[1]),
        conformance_(words[2]),
        our_vmlinux_(words[3]),
        our_bzimage_(words[4]),
        guest_kernel_(words[5]),
        guest_initrd_(words[6]) {}

  // Returns the number of failed cases.
  int Run() {
    Expect("every-test-of-our-guest",
           {"--block=/dev/hda", "--tunnet=192.168.19.1", "64", our_vmlinux_, "test=all",
            "ip=192.168.19.2", "gw=192.168.19.1"},
           0, " 0 failed");
    Expect("bzimage", {"64", our_bzimage_, "test=boot,page-tables"}, 0, "PASS page-tables");
    Expect("reason-of-a-death", {"64", our_vmlinux_, "die=hypercall"}, 1, "Bad hypercall");
    Expect("users-guest",
           {"--initrd=" + guest_initrd_, "64", guest_kernel_, "console=hvc0", "quiet"}, 0,
           "Power down.");
    TwoGuestsPing();
    Report("conformance", Program({conformance_}).End() == 0 ? "" : "its tests failed");
    return failures_;
  }

 private:
  void Report(const std::string& name, const std::string& why) {
    if (why.empty()) {
      std::printf("PASS %s\n", name.c_str());
    } else {
      std::printf("FAIL %s %s\n", name.c_str(), why.c_str());
    }
    std::fflush(stdout);
    if (!why.empty()) ++failures_;
  }

  Program Launch(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {launcher_};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return Program(words);
  }

  void Expect(const std::string& name, const std::vector<std::string>& arguments, int status,
              const std::string& text) {
    Program guest = Launch(arguments);
    const bool printed = guest.WaitForText(text);
    const int ended = guest.End();
    if (ended == -SIGALRM) {
      Report(name, "no end within " + std::to_string(kDeadlineSeconds) + " s");
    } else if (ended != status) {
      Report(name, "exit status " + std::to_string(ended));
    } else {
      Report(name, printed ? "" : "no output '" + text + "'");
    }
  }

  void TwoGuestsPing() {
    const std::string network = "--sharenet=/tmp/net";
    Program answering = Launch({network, "64", our_vmlinux_, "test=net-answer", "ip=10.0.0.2"});
    const bool started = answering.WaitForText("lguest demo kernel");
    Program asking =
        Launch({network, "64", our_vmlinux_, "test=net", "ip=10.0.0.1", "gw=10.0.0.2"});
    const bool answered = asking.WaitForText("PASS net");
    const int asked = asking.End();
    if (!started || !answered || asked != 0) {
      Report("shared-net-of-two-guests", "no answer");
      return;
    }
    Report("shared-net-of-two-guests", answering.End() == 0 ? "" : "the other guest failed");
  }

  const std::string launcher_;
  const std::string conformance_;
  const std::string our_vmlinux_;
  const std::string our_bzimage_;
  const std::string guest_kernel_;
  const std::string guest_initrd_;
  int failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  constexpr int kWords = 7;
  if (argc != kWords) {
    std::fputs("usage: main LAUNCHER CONFORMANCE VMLINUX BZIMAGE GUEST_KERNEL GUEST_INITRD\n",
               stderr);
    return 2;
  }
  return Cases(argv).Run() == 0 ? 0 : 1;
}
