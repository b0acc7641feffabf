#include "launcher/timetravel/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lguest::timetravel {

struct Hash::State {
  XXH3_state_t xxh3;
};

Hash::Hash() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }

Hash::~Hash() = default;

void Hash::Add(const void* bytes, size_t size) {
  if (size != 0) XXH3_64bits_update(&state_->xxh3, bytes, size);
}

uint64_t Hash::value() const { return XXH3_64bits_digest(&state_->xxh3); }

uint64_t HashOf(const void* bytes, size_t size) { return XXH3_64bits(bytes, size); }

}  // namespace lguest::timetravel
