#include "launcher/input_poller.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/base/status_macros.h"
#include "launcher/base/vector_io.h"
#include "launcher/guest/abi.h"

namespace lguest {
namespace {

// What epoll reports besides devices.
constexpr uint64_t kWakeToken = kMaxDevices;
constexpr uint64_t kEndToken = kMaxDevices + 1;
constexpr uint64_t kCheckToken = kMaxDevices + 2;

bool Add(const UniqueFd& epoll, int fd, uint64_t token) {
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = token}};
  return epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool AddIfAny(const UniqueFd& epoll, int fd, uint64_t token) {
  return fd == -1 || Add(epoll, fd, token);
}

}  // namespace

absl::StatusOr<std::unique_ptr<InputPoller>> InputPoller::Start(Host& host,
                                                                const InputEvents& events) {
  ASSIGN_OR_RETURN(WakePipe wake, WakePipe::Create());
  // epoll_create1(), which sets close-on-exec at once, is younger than Linux 2.6.23.
  UniqueFd epoll(epoll_create(1));
  if (!epoll.valid() || fcntl(epoll.get(), F_SETFD, FD_CLOEXEC) != 0 ||
      !Add(epoll, wake.fd(), kWakeToken) || !AddIfAny(epoll, events.end_fd, kEndToken) ||
      !AddIfAny(epoll, events.check_fd, kCheckToken)) {
    return ErrnoStatus("preparing to wait for input");
  }
  // Not make_unique: the constructor is private.
  std::unique_ptr<InputPoller> poller(
      new InputPoller(host, events, std::move(epoll), std::move(wake)));
  InputPoller* const running = poller.get();
  ASSIGN_OR_RETURN(running->thread_, Thread::Start([running] { running->Run(); }));
  return poller;
}

InputPoller::InputPoller(Host& host, const InputEvents& events, UniqueFd epoll, WakePipe wake)
    : host_(host), check_fd_(events.check_fd), epoll_(std::move(epoll)), wake_(std::move(wake)) {}

InputPoller::~InputPoller() {
  if (!thread_.is_running()) return;  // it could not be started
  stopping_ = true;
  wake_.Wake();
  std::unique_lock lock(mutex_);
  // Call Resume() repeatedly. A Resume() just before the thread's BreakOut() has no effect, and the
  // thread would block.
  while (!has_stopped_.wait_for(lock, kShortestDelay, [this] { return stopped_; })) {
    lock.unlock();
    host_.Resume().IgnoreError();
    lock.lock();
  }
}

absl::Status InputPoller::Watch(size_t device, int fd) {
  // The order of this and of the check in Collect() matters, so that one of them sees the other.
  const bool is_new = (known_.fetch_or(OnlyDevice(device)) & OnlyDevice(device)) == 0;
  if (is_new && checked_) RetryAfter(device, Milliseconds(0));
  if ((watched_ & OnlyDevice(device)) != 0) return absl::OkStatus();
  if (Add(epoll_, fd, device)) {
    watched_ |= OnlyDevice(device);
    return absl::OkStatus();
  }
  if (errno != EPERM) {
    return ErrnoStatusF("waiting for input of device %u", device);
  }
  // epoll cannot watch such a file.
  RetryAfter(device, Milliseconds(0));
  return absl::OkStatus();
}

void InputPoller::Ignore(size_t device, int fd) {
  if ((watched_ & OnlyDevice(device)) == 0) return;
  // Not EPOLL_CTL_MOD: epoll reports EPOLLERR and EPOLLHUP even with an empty mask.
  epoll_event unused;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);
  watched_ &= ~OnlyDevice(device);
}

void InputPoller::RetryLater(size_t device) { RetryAfter(device, backoff_.Next()); }

void InputPoller::RetryAfter(size_t device, Milliseconds delay) {
  {
    const std::lock_guard lock(mutex_);
    retry_ |= OnlyDevice(device);
    retry_at_ = std::min(retry_at_, Clock::now() + delay);
  }
  wake_.Wake();
}

void InputPoller::MadeProgress() { backoff_.Reset(); }

DeviceSet InputPoller::TakeReady() { return ready_.exchange(0); }

absl::Status InputPoller::status() const {
  if (!has_status_) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  return status_;
}

void InputPoller::Run() {
  std::array<epoll_event, kMaxDevices + 3> events;
  while (!stopping_) {
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), Timeout());
    Collect(events.data(), count);
    if ((ready_ == 0 && !has_status_) || stopping_) continue;
    const absl::Status broken_out = host_.BreakOut();
    if (absl::IsNotFound(broken_out)) break;  // the guest is dead
    if (!broken_out.ok()) {
      const std::lock_guard lock(mutex_);
      status_ = absl::InternalError(
          absl::StrCat("the guest cannot be told of input: ", broken_out.message()));
      has_status_ = true;
      break;
    }
  }
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  has_stopped_.notify_one();
}

int InputPoller::Timeout() {
  const std::lock_guard lock(mutex_);
  if (retry_ == 0) return -1;
  const auto rest = std::chrono::ceil<Milliseconds>(retry_at_ - Clock::now());
  return static_cast<int>(std::max(rest, Milliseconds(0)).count());
}

void InputPoller::Collect(const epoll_event* events, int count) {
  for (int i = 0; i < count; ++i) {
    const uint64_t token = events[i].data.u64;
    if (token == kWakeToken) {
      wake_.Clear();
    } else if (token == kEndToken) {
      const std::lock_guard lock(mutex_);
      status_ = absl::CancelledError("the launcher is asked to end");
      has_status_ = true;
    } else if (token == kCheckToken) {
      std::array<char, 64> drained;
      [[maybe_unused]] const ssize_t bytes = ReadBytes(check_fd_, drained.data(), drained.size());
      checked_ = true;
      ready_ |= known_.load();
    } else {
      ready_ |= OnlyDevice(static_cast<size_t>(token));
    }
  }
  const std::lock_guard lock(mutex_);
  if (retry_ == 0 || Clock::now() < retry_at_) return;
  ready_ |= std::exchange(retry_, 0);
  retry_at_ = Clock::time_point::max();
}

}  // namespace lguest
