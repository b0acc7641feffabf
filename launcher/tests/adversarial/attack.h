// An attack of a guest on its launcher, as a script.

#ifndef LAUNCHER_TESTS_ADVERSARIAL_ATTACK_H_
#define LAUNCHER_TESTS_ADVERSARIAL_ATTACK_H_

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hostsim/testing/script.h"
#include "launcher/tests/adversarial/machine.h"

namespace lguest {

struct Attack {
  const char* name;
  void (*build)(hostsim::Script& script);  // adds the attack after Init()
  const char* death = nullptr;             // part of the reason; null: the guest continues
};

struct AttackOnCpu {
  Attack attack;
  AttackerCpu cpu;
};

// Checks that an attack has the expected outcome, that the disk is unchanged, and that the launcher
// printed only a few lines.
class AttackTest : public testing::TestWithParam<AttackOnCpu> {
 protected:
  void Survive() {
    hostsim::Script script;
    script.Init();
    GetParam().attack.build(script);
    AppendFinalCheck(script);
    AttackMachine machine;
    const std::string outcome = machine.Run(script, GetParam().cpu);
    if (GetParam().attack.death == nullptr) {
      EXPECT_EQ(outcome, kFinalReason);
      EXPECT_TRUE(machine.screen().ends_with("alive"));
    } else {
      EXPECT_NE(outcome.find(GetParam().attack.death), std::string::npos) << outcome;
    }
    EXPECT_EQ(machine.Disk(), AttackMachine::UntouchedDisk());
    EXPECT_LE(machine.notices(), 8);
  }
};

inline std::vector<AttackOnCpu> OnEveryCpu(const std::vector<Attack>& attacks) {
  std::vector<AttackOnCpu> all;
  for (const Attack& attack : attacks) {
    for (const AttackerCpu cpu : CpusUnderTest()) all.push_back({attack, cpu});
  }
  return all;
}

inline std::string AttackName(const testing::TestParamInfo<AttackOnCpu>& each) {
  return std::string(each.param.attack.name) +
         (each.param.cpu == AttackerCpu::kScripted ? "_Scripted" : "_Code");
}

}  // namespace lguest

#endif  // LAUNCHER_TESTS_ADVERSARIAL_ATTACK_H_
