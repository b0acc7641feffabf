#include "launcher/input_poller.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"

namespace lguest {
namespace {

constexpr uint64_t kPipeToken = kMaxDevices;

constexpr DeviceSet Only(size_t device) { return DeviceSet{1} << device; }

// epoll_create1() and pipe2(), which set this at once, are younger than Linux 2.6.23.
bool SetCloseOnExec(const UniqueFd& fd) { return fcntl(fd.get(), F_SETFD, FD_CLOEXEC) == 0; }

}  // namespace

absl::StatusOr<std::unique_ptr<InputPoller>> InputPoller::Start(Host& host) {
  UniqueFd epoll(epoll_create(1));
  std::array<int, 2> ends = {-1, -1};
  const bool piped = epoll.valid() && pipe(ends.data()) == 0;
  UniqueFd wake_read(ends[0]);
  UniqueFd wake_write(ends[1]);
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = kPipeToken}};
  if (!piped || !SetCloseOnExec(epoll) || !SetCloseOnExec(wake_read) ||
      !SetCloseOnExec(wake_write) ||
      epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake_read.get(), &event) < 0) {
    return ErrnoStatus("preparing to wait for input");
  }
  return std::unique_ptr<InputPoller>(
      new InputPoller(host, std::move(epoll), std::move(wake_read), std::move(wake_write)));
}

InputPoller::InputPoller(Host& host, UniqueFd epoll, UniqueFd wake_read, UniqueFd wake_write)
    : host_(host),
      epoll_(std::move(epoll)),
      wake_read_(std::move(wake_read)),
      wake_write_(std::move(wake_write)),
      delay_(Milliseconds(0)),
      thread_([this] { Run(); }) {}

InputPoller::~InputPoller() {
  stopping_ = true;
  WakeThread();
  {
    std::unique_lock lock(mutex_);
    // Call Resume() repeatedly. A Resume() just before the thread's BreakOut() has no effect, and
    // the thread would block.
    while (!has_stopped_.wait_for(lock, kShortestDelay, [this] { return stopped_; })) {
      lock.unlock();
      host_.Resume().IgnoreError();
      lock.lock();
    }
  }
  thread_.join();
}

absl::Status InputPoller::Watch(size_t device, int fd) {
  if ((watched_ & Only(device)) != 0) return absl::OkStatus();
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = device}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) {
    watched_ |= Only(device);
    return absl::OkStatus();
  }
  if (errno != EPERM) {
    return ErrnoStatusF("waiting for input of device %u", device);
  }
  // epoll cannot watch such a file.
  delay_ = Milliseconds(0);
  retry_ |= Only(device);
  WakeThread();
  return absl::OkStatus();
}

void InputPoller::Ignore(size_t device, int fd) {
  if ((watched_ & Only(device)) == 0) return;
  // Not EPOLL_CTL_MOD: epoll reports EPOLLERR and EPOLLHUP even with an empty mask.
  epoll_event unused;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);
  watched_ &= ~Only(device);
}

void InputPoller::RetryLater(size_t device) {
  delay_ = std::clamp(delay_.load() * 2, kShortestDelay, kLongestDelay);
  retry_ |= Only(device);
  WakeThread();
}

void InputPoller::MadeProgress() { delay_ = Milliseconds(0); }

DeviceSet InputPoller::TakeReady() { return ready_.exchange(0); }

void InputPoller::WakeThread() const {
  const char byte = 0;
  // If the pipe is full, write() fails. That is harmless: any byte in it wakes the thread.
  [[maybe_unused]] const ssize_t written = write(wake_write_.get(), &byte, 1);
}

void InputPoller::Run() {
  std::array<epoll_event, kMaxDevices + 1> events;
  while (!stopping_) {
    const int timeout = retry_ == 0 ? -1 : static_cast<int>(delay_.load().count());
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), timeout);
    Collect(events.data(), count);
    if (ready_ == 0 || stopping_) continue;
    if (!host_.BreakOut().ok()) break;
  }
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  has_stopped_.notify_one();
}

void InputPoller::Collect(const epoll_event* events, int count) {
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == kPipeToken) {
      std::array<char, 64> drained;
      [[maybe_unused]] const ssize_t bytes = read(wake_read_.get(), drained.data(), drained.size());
    } else {
      ready_ |= Only(static_cast<size_t>(events[i].data.u64));
    }
  }
  if (count == 0) {  // the delay is over
    ready_ |= retry_.exchange(0);
  }
}

}  // namespace lguest
