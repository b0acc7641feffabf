#include "devices/net/shared_net_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "launcher/base/file_lock.h"
#include "launcher/base/status_macros.h"
#include "launcher/guest/abi.h"
#include "launcher/guest/address.h"

namespace lguest {
namespace {

constexpr uint32_t kSlotsEnd = kNetPeersPerPage * sizeof(NetPeer);

// Held while the file is initialized. Its offset is above those of the slot locks.
constexpr FileRange kCreateLock = {.start = kPageSize, .len = 1};
constexpr int kCreateLockTries = 100;
constexpr std::chrono::milliseconds kCreateLockRetryDelay(10);

FileRange SlotLock(uint32_t slot) { return {.start = slot, .len = 1}; }

absl::Status StepError(int error, const char* step, const std::string& path) {
  if (error == ELOOP) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a symbolic link"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat(step, " ", path));
}

// Opens an existing file or creates one. Other processes may do the same at the same time.
absl::StatusOr<UniqueFd> OpenOrCreate(int directory, const std::string& name,
                                      const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  while (true) {
    UniqueFd fd(openat(directory, name.c_str(), kFlags));
    if (fd.valid()) return fd;
    if (errno != ENOENT) return StepError(errno, "opening", path);
    fd = UniqueFd(openat(directory, name.c_str(), kFlags | O_CREAT | O_EXCL, 0600));
    if (fd.valid()) return fd;
    if (errno != EEXIST) return StepError(errno, "creating", path);
  }
}

absl::Status AcquireCreateLock(int fd, const std::string& path) {
  for (int i = 0; i < kCreateLockTries; ++i) {
    const absl::StatusOr<bool> locked = LockFile(fd, FileLock::kExclusive, kCreateLock);
    if (!locked.ok()) {
      return absl::Status(locked.status().code(),
                          absl::StrCat(std::string(locked.status().message()), " (", path, ")"));
    }
    if (*locked) return absl::OkStatus();
    std::this_thread::sleep_for(kCreateLockRetryDelay);
  }
  return absl::UnavailableError(absl::StrCat(path, " is locked by another program"));
}

// Extends an empty file to one page, and checks that any other file is a network file. The caller
// holds kCreateLock.
absl::Status InitializeFile(int fd, const struct stat64& file, const std::string& path) {
  if (file.st_size == 0) {
    if (ftruncate64(fd, kPageSize) != 0) return StepError(errno, "enlarging", path);
    return absl::OkStatus();
  }
  std::array<uint8_t, kPageSize - kSlotsEnd> rest;
  if (file.st_size != kPageSize ||
      pread64(fd, rest.data(), rest.size(), kSlotsEnd) != ssize_t{rest.size()} ||
      rest != decltype(rest){}) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a network file (", file.st_size, " bytes)"));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> AcquireSlot(int fd, const std::string& path) {
  for (uint32_t slot = 0; slot < kNetPeersPerPage; ++slot) {
    const absl::StatusOr<bool> locked = LockFile(fd, FileLock::kExclusive, SlotLock(slot));
    if (!locked.ok()) {
      return absl::Status(
          locked.status().code(),
          absl::StrCat(std::string(locked.status().message()), " (slot ", slot, " of ", path, ")"));
    }
    if (*locked) return slot;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("all ", kNetPeersPerPage, " slots of ", path, " are in use"));
}

// By pwritev(), which a sandboxed launcher has for its disks; before Linux 2.6.30 by pwrite().
ssize_t WriteAt(int fd, void* from, size_t size, off64_t at) {
  const iovec piece = {.iov_base = from, .iov_len = size};
  const ssize_t len = pwritev64(fd, &piece, 1, at);
  return len < 0 && errno == ENOSYS ? pwrite64(fd, from, size, at) : len;
}

int ClearSlot(int fd, uint32_t slot) {
  NetPeer unused = {};
  const auto at = static_cast<off64_t>(slot * sizeof(NetPeer));
  return WriteAt(fd, &unused, sizeof(unused), at) == ssize_t{sizeof(unused)} ? 0 : errno;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedNetFile>> SharedNetFile::Open(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the file name is empty");
  const std::filesystem::path split(path);
  const std::string parent = split.has_parent_path() ? split.parent_path().string() : ".";
  const std::string name = split.filename().string();
  UniqueFd directory(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus("opening ", parent);
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " is a directory"));

  ASSIGN_OR_RETURN(UniqueFd fd, OpenOrCreate(directory.get(), name, path));
  struct stat64 file;
  if (fstat64(fd.get(), &file) != 0) return StepError(errno, "examining", path);
  if (!S_ISREG(file.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  RETURN_IF_ERROR(AcquireCreateLock(fd.get(), path));
  if (fstat64(fd.get(), &file) != 0) return StepError(errno, "examining", path);
  RETURN_IF_ERROR(InitializeFile(fd.get(), file, path));
  RETURN_IF_ERROR(UnlockFile(fd.get(), kCreateLock));

  ASSIGN_OR_RETURN(const uint32_t slot, AcquireSlot(fd.get(), path));
  if (const int error = ClearSlot(fd.get(), slot); error != 0) {
    return StepError(error, "writing to", path);
  }
  // Not make_unique: the constructor is private.
  return std::unique_ptr<SharedNetFile>(new SharedNetFile(path, std::move(directory), std::move(fd),
                                                          slot, static_cast<ino_t>(file.st_ino),
                                                          file.st_mode & 0777));
}

SharedNetFile::~SharedNetFile() { ClearSlot(fd_.get(), slot_); }

}  // namespace lguest
