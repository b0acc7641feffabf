// The file that guests of one network share.

#ifndef DEVICES_NET_SHARED_NET_FILE_H_
#define DEVICES_NET_SHARED_NET_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/base/unique_fd.h"

namespace lguest {

// A file of one page, mapped by every guest of the network: 682 slots, each with the MAC of a
// guest. A launcher owns a slot while it holds a lock on the byte whose offset is the slot number.
// The launcher of Linux 2.6.23 uses the same locks.
//
// Trust: a process that can write to the file can change every slot and thus impersonate another
// guest, and can end the network by truncating the file. The guests of one network must trust each
// other to this extent. The permissions of the file control who may join the network.
class SharedNetFile {
 public:
  // Opens the network file, or creates it with mode 0600, and acquires its first free slot. Clears
  // the MAC that a previous owner has left there. Refuses any other file and does not write to it.
  // Messages name the file and the cause.
  static absl::StatusOr<std::unique_ptr<SharedNetFile>> Open(const std::string& path);

  // Clears and releases the slot.
  ~SharedNetFile();
  SharedNetFile(const SharedNetFile&) = delete;
  SharedNetFile& operator=(const SharedNetFile&) = delete;

  int fd() const { return fd_.get(); }
  int directory_fd() const { return directory_.get(); }
  ino_t inode() const { return inode_; }  // distinguishes networks in one directory
  mode_t permissions() const { return permissions_; }
  uint32_t slot() const { return slot_; }
  const std::string& path() const { return path_; }

 private:
  SharedNetFile(std::string path, UniqueFd directory, UniqueFd fd, uint32_t slot, ino_t inode,
                mode_t permissions)
      : path_(std::move(path)),
        directory_(std::move(directory)),
        fd_(std::move(fd)),
        slot_(slot),
        inode_(inode),
        permissions_(permissions) {}

  const std::string path_;
  const UniqueFd directory_;
  const UniqueFd fd_;
  const uint32_t slot_;
  const ino_t inode_;
  const mode_t permissions_;
};

}  // namespace lguest

#endif  // DEVICES_NET_SHARED_NET_FILE_H_
