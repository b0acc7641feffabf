// libFuzzer's mutator of translator_fuzz. It keeps the start of an input and appends random
// instructions to it. libFuzzer's own mutations change a few bytes of an input, so most of the
// input would be old code.

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

constexpr uint8_t kPrefixes[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
constexpr uint8_t kTwoBytes = 0x0f;
constexpr uint8_t kThreeBytes[] = {0x38, 0x3a};

class Generator {
 public:
  explicit Generator(unsigned int seed) : random_(seed) {}

  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  uint8_t Byte() { return static_cast<uint8_t>(random_()); }

  // Appends prefixes, an opcode, a ModRM byte and as many bytes as the longest form may need.
  void AppendInstruction(std::vector<uint8_t>& code) {
    constexpr uint32_t kMostPrefixes = 3;
    constexpr uint32_t kMostOperandBytes = 9;  // SIB, displacement and immediate value
    for (uint32_t i = Below(2) == 0 ? 0 : Below(kMostPrefixes + 1); i > 0; --i) {
      code.push_back(kPrefixes[Below(sizeof(kPrefixes))]);
    }
    const uint32_t map = Below(8);
    if (map < 4) code.push_back(kTwoBytes);
    if (map == 0) code.push_back(kThreeBytes[Below(sizeof(kThreeBytes))]);
    code.push_back(Byte());
    code.push_back(Byte());
    for (uint32_t i = Below(kMostOperandBytes + 1); i > 0; --i) {
      code.push_back(Below(2) == 0 ? Byte() : 0);
    }
  }

 private:
  std::mt19937 random_;
};

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  constexpr uint32_t kMostInstructions = 32;
  Generator generator(seed);
  std::vector<uint8_t> code(data, data + generator.Below(static_cast<uint32_t>(size) + 1));
  if (code.empty()) code.push_back(generator.Byte());
  for (uint32_t i = generator.Below(kMostInstructions) + 1; i > 0; --i) {
    generator.AppendInstruction(code);
  }
  if (code.size() > max_size) code.resize(max_size);
  for (size_t i = 0; i < code.size(); ++i) data[i] = code[i];
  return code.size();
}
