// A launcher whose host makes forbidden calls where other hosts run guest code.

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "launcher/base/testing/temp_dir.h"
#include "launcher/sandbox/testing/forbidden_calls.h"
#include "launcher/virtual_machine.h"
#include "testdata/images/bytes.h"
#include "testdata/images/elf_builder.h"

namespace lguest {
namespace {

class HostileHost final : public HostMachine, public Host {
 public:
  explicit HostileHost(const ForbiddenCall& call) : call_(call) {}

  Host& host() override { return *this; }
  std::string description() const override { return "hostile host"; }

  absl::Status Initialize(const BootState& /*boot*/) override { return absl::OkStatus(); }
  absl::StatusOr<Exit> Run() override {
    call_.make();
    return Died{"the call has returned"};
  }
  absl::StatusOr<BoundDma> GetDma(DmaKey /*key*/) override { return absl::NotFoundError(""); }
  absl::Status RaiseInterrupt(uint32_t /*irq*/) override { return absl::OkStatus(); }
  absl::Status BreakOut() override { return absl::NotFoundError("dead"); }
  void RequestBreakOut() override {}
  absl::Status Resume() override { return absl::NotFoundError("dead"); }

 private:
  const ForbiddenCall& call_;
};

[[noreturn]] void RunLauncher(const std::string& kernel, const ForbiddenCall& call) {
  Options options;
  options.kernel = kernel;
  options.memory = 16u << 20;
  options.sandbox = SandboxMode::kOn;
  HostPlan plan;
  plan.make =
      [&](GuestMemory& /*memory*/,
          const MachineIdentity& /*identity*/) -> absl::StatusOr<std::unique_ptr<HostMachine>> {
    return std::make_unique<HostileHost>(call);
  };
  auto machine = VirtualMachine::Build(options, std::move(plan), nullptr, nullptr);
  if (machine.ok()) static_cast<void>((*machine)->Run());
  _exit(machine.ok() ? 0 : 1);
}

class SandboxedLauncherTest : public ::testing::TestWithParam<ForbiddenCall> {
 protected:
  void SetUp() override {
    if (kDefaultSandboxMode == SandboxMode::kOff) GTEST_SKIP() << "a build without a sandbox";
    const testdata::Bytes kernel = testdata::GoodKernel().Build();
    kernel_ = dir_.File("vmlinux", {reinterpret_cast<const char*>(kernel.data()), kernel.size()});
  }

  TempDir dir_;
  std::string kernel_;
};

TEST_P(SandboxedLauncherTest, ForbiddenCallEndsTheLauncherWithOneSentence) {
  EXPECT_EXIT(RunLauncher(kernel_, GetParam()), ::testing::ExitedWithCode(70),
              absl::StrCat("^lguest: sandbox: the launcher called ", GetParam().name,
                           ", which it must not: [^\n]*\n$"));
}

INSTANTIATE_TEST_SUITE_P(Calls, SandboxedLauncherTest, ::testing::ValuesIn(kForbiddenCalls),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace lguest
