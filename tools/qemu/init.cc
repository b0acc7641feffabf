// The first program in a machine of //tools/qemu. It makes a system of the initramfs, loads the
// kernel's modules, runs one program as root, and tells how it ended.
//
// The console is the first serial line. The second one goes to whoever started the machine and
// carries lines of text:
//
//   started           the program is about to run
//   error SENTENCE    something that keeps it from running
//   status N          the program ended with this exit status; 128 + N after signal N
//
// What to do stands in the file /plan:
//
//   module PATH       a kernel module to load
//   directory PATH    where the program is to run
//   environment A=B   a variable for it
//   tty               the console is its standard input and controlling terminal
//   argument WORD     the program's path, and its arguments
//
// It is linked to run on kernels as old as 2.6.23.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr const char* kConsole = "/dev/ttyS0";
constexpr const char* kReport = "/dev/ttyS1";

struct Plan {
  std::vector<std::string> modules;
  std::vector<std::string> environment;
  std::vector<std::string> arguments;
  std::string directory = "/";
  bool tty = false;
};

Plan ReadPlan() {
  Plan plan;
  std::ifstream file("/plan");
  std::string line;
  while (std::getline(file, line)) {
    const size_t blank = line.find(' ');
    const std::string key = line.substr(0, blank);
    const std::string value = blank == std::string::npos ? "" : line.substr(blank + 1);
    if (key == "module") plan.modules.push_back(value);
    if (key == "environment") plan.environment.push_back(value);
    if (key == "argument") plan.arguments.push_back(value);
    if (key == "directory") plan.directory = value;
    if (key == "tty") plan.tty = true;
  }
  return plan;
}

// The second serial line.
class Report {
 public:
  explicit Report(int fd) : fd_(fd) {
    termios settings = {};
    tcgetattr(fd_, &settings);
    cfmakeraw(&settings);
    tcsetattr(fd_, TCSANOW, &settings);
  }

  void Say(const std::string& line) const { dprintf(fd_, "%s\n", line.c_str()); }

  // `errno` is the reason.
  void Error(const std::string& what) const { Say("error " + what + ": " + std::strerror(errno)); }

 private:
  int fd_;
};

// A node in /dev for every device below `directory` of sysfs.
void MakeNodesOf(const std::filesystem::path& directory, mode_t kind) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::ifstream file(entry.path() / "dev");
    unsigned major = 0;
    unsigned minor = 0;
    char colon = 0;
    if (!(file >> major >> colon >> minor)) continue;
    const std::string node = "/dev/" + entry.path().filename().string();
    mknod(node.c_str(), kind | 0666, makedev(major, minor));
  }
}

// For kernels that do not do so themselves.
void MakeNodes() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class", error)) {
    MakeNodesOf(entry.path(), S_IFCHR);
  }
  MakeNodesOf("/sys/block", S_IFBLK);
}

void MountAll() {
  mount("proc", "/proc", "proc", 0, nullptr);
  mount("sysfs", "/sys", "sysfs", 0, nullptr);
  if (mount("dev", "/dev", "devtmpfs", 0, nullptr) != 0) MakeNodes();
  mkdir("/dev/pts", 0755);
  mount("devpts", "/dev/pts", "devpts", 0, nullptr);
}

bool LoadModule(const std::string& path) {
  std::error_code error;
  const auto size = static_cast<size_t>(std::filesystem::file_size(path, error));
  if (error) return false;
  std::vector<char> image(size);
  std::ifstream(path, std::ios::binary).read(image.data(), std::ssize(image));
  return syscall(SYS_init_module, image.data(), image.size(), "") == 0 || errno == EEXIST;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Become(Plan& plan, const Report& report) {
  constexpr int kCannotRun = 127;
  // Without a session of its own no terminal that it opens becomes its controlling one.
  if (plan.tty) setsid();
  const int input = open(plan.tty ? kConsole : "/dev/null", O_RDWR | O_NOCTTY);
  const int output = plan.tty ? input : open(kConsole, O_WRONLY | O_NOCTTY);
  if (plan.tty) ioctl(input, TIOCSCTTY, 0);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (chdir(plan.directory.c_str()) == 0) {
    execve(plan.arguments[0].c_str(), Pointers(plan.arguments).data(),
           Pointers(plan.environment).data());
  }
  report.Error("running " + plan.arguments[0]);
  _exit(kCannotRun);
}

int Run(Plan& plan, const Report& report) {
  constexpr int kSignalled = 128;
  const pid_t program = fork();
  if (program == 0) Become(plan, report);
  int status = 0;
  pid_t ended = 0;
  // It inherits all orphans.
  do {
    ended = wait(&status);
  } while (ended != program && (ended > 0 || errno == EINTR));
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}

}  // namespace

int main() {
  MountAll();
  const Report report(open(kReport, O_RDWR | O_NOCTTY | O_CLOEXEC));
  Plan plan = ReadPlan();
  for (const std::string& module : plan.modules) {
    if (!LoadModule(module)) report.Error("loading " + module);
  }
  report.Say("started");
  const int status = Run(plan, report);
  // All that the program wrote leaves the machine before the word that ends it.
  const int console = open(kConsole, O_WRONLY | O_NOCTTY);
  tcdrain(console);
  report.Say("status " + std::to_string(status));
  for (;;) pause();
}
