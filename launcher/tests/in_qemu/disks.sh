# Tests with disks: files in a file system, and block devices.

# Makes a file system on the disk $1 and mounts it here.
mount_disk() {
  mke2fs "$1" > mke2fs.log 2>&1 || fail "mke2fs $1"
  mkdir disk
  mount "$1" disk || fail "mount $1"
}

make_image() {
  dd if=/dev/zero of="$1" bs=64k count=16 2> dd.log || fail "dd $1"
}

# Checks that the launcher opened file $1 with O_DIRECT, besides the descriptor that uses the page cache.
expect_direct() {
  found=none
  for path in "/proc/$pid/fd"/*; do
    [ "$(readlink "$path")" = "$1" ] || continue
    found=$(sed -n 's/^flags:[[:space:]]*//p' "/proc/$pid/fdinfo/${path##*/}")
    [ $((0$found & 040000)) = 0 ] || return 0
  done
  fail "$1 is not open with O_DIRECT: flags $found"
}

expect_disk_works() {
  expect_status 0 run --block="$1" 64 "$vmlinux" test=disk,disk-end
  expect_line "PASS disk" out.log
  expect_line "PASS disk-end" out.log
}

test_direct_io_on_a_file_system() {
  mount_disk /dev/vda
  make_image disk/image
  expect_disk_works disk/image
  expect_silence err.log
  start direct --block=disk/image 64 "$vmlinux" hang
  expect_direct "$PWD/disk/image"
  kill "$pid"
  wait "$pid"
  expect_silence direct.err.log
  printf 'disk from the guest\rpoweroff\r' | "$launcher" --block=disk/image 64 "$vmlinux" demo > out.log 2> err.log ||
    fail "exit status $?"
  # After umount and mount, reads come from the disk.
  umount disk || fail "umount"
  mount /dev/vda disk || fail "mount again"
  [ "$(head -c 14 disk/image)" = "from the guest" ] || fail "the file has: $(head -c 14 disk/image)"
  [ "$(stat -c %s disk/image)" = 1048576 ] || fail "the file has $(stat -c %s disk/image) bytes"
  umount disk
}

test_whole_disk() {
  expect_disk_works /dev/vdb
  expect_silence err.log
  start whole --block=/dev/vdb 64 "$vmlinux" hang
  expect_direct /dev/vdb
  kill "$pid"
  wait "$pid" || true
}

test_file_without_direct_io() {
  make_image image
  expect_disk_works image
  expect_error "image: the file system does not support direct I/O, so the host caches the disk too"
}

test_loop_device() {
  make_image image
  loop=$(losetup -f)
  losetup "$loop" image || fail "losetup"
  expect_disk_works "$loop"
  expect_silence err.log
  start first --block="$loop" 64 "$vmlinux" hang
  expect_status 66 run --block="$loop" 64 "$vmlinux" test=disk
  expect_error "--block=$loop: $loop is in use by another guest (',readonly' disks can be shared)"
  kill "$pid"
  wait "$pid"
  losetup -d "$loop"
}

# Makes an image that consists of holes, in a file system without free space.
make_image_without_room() {
  mount_disk /dev/vda
  truncate -s 1M disk/image
  # A block far into a file may also need an indirect block. Space that is too small for both can still hold the first
  # block of another file, so fill a second file too.
  for filling in disk/filling disk/last; do
    dd if=/dev/zero of="$filling" bs=1k 2> dd.log && fail "the disk is never full"
  done
}

# Checks that the guest gets an error of its disk $1 and continues.
expect_disk_error() {
  printf 'disk text\recho still here\rpoweroff\r' | "$launcher" --block="$1" 64 "$vmlinux" demo > out.log 2> err.log ||
    fail "exit status $?"
  expect_line ".*The disk reports an error." out.log
  expect_line "still here" out.log
}

test_disk_full() {
  make_image_without_room
  expect_disk_error disk/image
  expect_error "block disk/image: writing disk/image at byte 0: No space left on device (logged only once)"
  umount disk
}

test_loop_device_disk_full() {
  make_image_without_room
  loop=$(losetup -f)
  losetup "$loop" disk/image || fail "losetup"
  expect_disk_error "$loop"
  # The loop driver reports EIO for every error of its file.
  expect_error "block $loop: writing $loop at byte 0: Input/output error (logged only once)"
  losetup -d "$loop"
  umount disk
}
