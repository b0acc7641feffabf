// A hash of a stream of bytes.

#ifndef LAUNCHER_TIMETRAVEL_HASH_H_
#define LAUNCHER_TIMETRAVEL_HASH_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace lguest::timetravel {

// XXH3, 64 bits. It does not protect against forgery.
class Hash {
 public:
  Hash();
  ~Hash();
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  void Add(const void* bytes, size_t size);
  void AddNumber(uint64_t number) { Add(&number, sizeof(number)); }
  uint64_t value() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

uint64_t HashOf(const void* bytes, size_t size);

}  // namespace lguest::timetravel

#endif  // LAUNCHER_TIMETRAVEL_HASH_H_
