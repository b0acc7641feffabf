// The file that makes guests a network.

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
// guest. A launcher owns a slot as long as it holds a lock on the byte of the slot's number, which
// is also how the launcher of Linux 2.6.23 does it.
//
// Trust: whoever can write to the file can read and change every slot, and so pose as another
// guest; the guests of one network trust each other that far. Who that may be is for the file's
// permissions.
class SharedNetFile {
 public:
  // Opens the network file, or makes it (readable and writable for the user alone), and takes its
  // first free slot, clearing what an earlier owner has left there. Refuses whatever else the file
  // may be: nothing is written to it then. Messages name the file and the cause.
  static absl::StatusOr<std::unique_ptr<SharedNetFile>> Open(const std::string& path);

  // Clears the slot and gives it up.
  ~SharedNetFile();
  SharedNetFile(const SharedNetFile&) = delete;
  SharedNetFile& operator=(const SharedNetFile&) = delete;

  int fd() const { return fd_.get(); }
  int directory_fd() const { return directory_.get(); }
  ino_t inode() const { return inode_; }  // tells networks of one directory apart
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
