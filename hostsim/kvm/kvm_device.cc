#include "hostsim/kvm/kvm_device.h"

#include <fcntl.h>
#include <linux/kvm.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "hostsim/i386/constants.h"
#include "hostsim/kvm/vcpu_state.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

constexpr char kPath[] = "/dev/kvm";

// On Intel processors KVM needs three guest-physical pages that the guest does not use.
constexpr unsigned long kTssAddress = 0xfffbd000;

absl::Status CannotOpen(int error) {
  if (error == ENOENT || error == ENXIO || error == ENODEV) {
    return absl::UnavailableError(
        "/dev/kvm does not exist: the processor has no virtualization, or it is disabled, or the "
        "modules kvm and kvm_amd or kvm_intel are not loaded");
  }
  if (error == EACCES || error == EPERM) {
    return absl::UnavailableError(
        "no permission for /dev/kvm: join the group that owns it (`sudo usermod -aG kvm $USER`, "
        "then log in again)");
  }
  return absl::UnavailableError(
      absl::StrCat(kPath, ": ", absl::ErrnoToStatus(error, "open").message()));
}

absl::Status MakeMachine(KvmMachine& machine) {
  ASSIGN_OR_RETURN(const int vm, machine.device.Ioctl(KVM_CREATE_VM, 0ul, "KVM_CREATE_VM"));
  machine.vm = KvmFd(vm);
  RETURN_IF_ERROR(machine.vm.Ioctl(KVM_SET_TSS_ADDR, kTssAddress, "KVM_SET_TSS_ADDR").status());
  ASSIGN_OR_RETURN(const int vcpu, machine.vm.Ioctl(KVM_CREATE_VCPU, 0ul, "KVM_CREATE_VCPU"));
  machine.vcpu = KvmFd(vcpu);
  return absl::OkStatus();
}

// Sets 32-bit paged mode and verifies that the virtual CPU keeps it.
absl::Status CheckPaging(const KvmFd& vcpu) {
  RETURN_IF_ERROR(SetRing0State(vcpu, 0));
  kvm_sregs sregs = {};
  RETURN_IF_ERROR(vcpu.Ioctl(KVM_GET_SREGS, &sregs, "KVM_GET_SREGS").status());
  if ((sregs.cr0 & kCr0Paging) == 0) {
    return absl::UnavailableError("no paging in 32-bit mode");
  }
  return absl::OkStatus();
}

bool IsParameterOn(const char* path) {
  std::ifstream file(path);
  char answer = 'N';
  return file >> answer && (answer == 'Y' || answer == '1');
}

}  // namespace

absl::StatusOr<KvmMachine> OpenKvm() {
  KvmMachine machine = {.device = KvmFd(open(kPath, O_RDWR | O_CLOEXEC)), .vm = {}, .vcpu = {}};
  if (machine.device.get() < 0) return CannotOpen(errno);
  const absl::StatusOr<int> version =
      machine.device.Ioctl(KVM_GET_API_VERSION, 0ul, "KVM_GET_API_VERSION");
  absl::Status usable = version.status();
  if (version.ok() && *version != KVM_API_VERSION) {
    usable = absl::UnavailableError(absl::StrCat("its API version is ", *version, ", not 12"));
  }
  if (usable.ok()) usable = MakeMachine(machine);
  if (usable.ok()) usable = CheckPaging(machine.vcpu);
  if (!usable.ok()) {
    return absl::UnavailableError(
        absl::StrCat("/dev/kvm cannot run this guest: ", usable.message()));
  }
  return machine;
}

bool HasNestedPaging() {
  return IsParameterOn("/sys/module/kvm_amd/parameters/npt") ||
         IsParameterOn("/sys/module/kvm_intel/parameters/ept");
}

}  // namespace lguest::hostsim
