// The init program of a machine of //tools/qemu. It mounts the file systems, loads kernel modules,
// runs one program as root, and reports its exit status.
//
// The console is the first serial line. The second serial line carries reports to
// tools/qemu/run.py, one per line:
//
//   started           the program is about to run
//   error SENTENCE    the program cannot run, or a module cannot be loaded
//   status N          the program ended with this exit status; 128 + N after signal N
//
// The file /plan has the instructions:
//
//   module PATH       a kernel module to load
//   directory PATH    the working directory of the program
//   environment A=B   an environment variable of the program
//   tty               makes the console the program's standard input and controlling terminal
//   argument WORD     the path of the program, then one line for each argument
//
// The program runs on kernels as old as Linux 2.6.23: it is linked with //launcher/syscall_shim.

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

  void Send(const std::string& line) const { dprintf(fd_, "%s\n", line.c_str()); }

  // Reports an error; errno holds the reason.
  void Error(const std::string& what) const { Send("error " + what + ": " + std::strerror(errno)); }

 private:
  int fd_;
};

// Makes a node in /dev for every device below `directory` in sysfs.
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

// For kernels without devtmpfs.
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

[[noreturn]] void Exec(Plan& plan, const Report& report) {
  constexpr int kCannotRun = 127;
  // A terminal becomes the controlling terminal only of a session leader.
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
  if (program == 0) Exec(plan, report);
  int status = 0;
  pid_t ended = 0;
  // Init also reaps the orphans of the program.
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
  report.Send("started");
  const int status = Run(plan, report);
  // run.py ends the machine at "status", so drain the console first.
  const int console = open(kConsole, O_WRONLY | O_NOCTTY);
  tcdrain(console);
  report.Send("status " + std::to_string(status));
  for (;;) pause();
}
