#include "hostsim/softcpu/soft_cpu.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "hostsim/i386/constants.h"
#include "hostsim/softcpu/conditional_loop.h"
#include "hostsim/softcpu/cpuid.h"
#include "hostsim/softcpu/instruction_filter.h"
#include "hostsim/softcpu/segment_registers.h"
#include "hostsim/softcpu/unicorn_check.h"
#include "launcher/base/status_macros.h"

namespace lguest::hostsim {
namespace {

constexpr uint64_t kHostFrames = uint64_t{1} << 32;

constexpr uint32_t kBusyTss = 0x8b00;

absl::Status LibraryError(const char* what, uc_err error) {
  const auto text = absl::StrCat(what, ": ", uc_strerror(error));
  return error == UC_ERR_NOMEM || error == UC_ERR_RESOURCE ? absl::ResourceExhaustedError(text)
                                                           : absl::InternalError(text);
}

// The library ends the process if it cannot allocate its code buffer.
absl::Status CheckExecutableMemory() {
  void* const map = mmap(nullptr, UnicornInternals::kCodeBufferSize,
                         PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) {
    return ErrnoStatusF(
        "the software CPU needs %u MB of memory that is writable and executable, which a limit "
        "(ulimit -v) or a policy of this machine refuses",
        UnicornInternals::kCodeBufferSize >> 20);
  }
  munmap(map, UnicornInternals::kCodeBufferSize);
  return absl::OkStatus();
}

}  // namespace

void SoftCpu::Free::operator()(std::byte* pages) const { std::free(pages); }

absl::StatusOr<std::unique_ptr<SoftCpu>> SoftCpu::Create(GuestMemory& memory,
                                                         const SoftCpuOptions& options) {
  std::unique_ptr<SoftCpu> cpu(new SoftCpu(memory));
  RETURN_IF_ERROR(cpu->Open(options));
  memory.set_write_observer(cpu.get());
  return cpu;
}

absl::Status SoftCpu::Open(const SoftCpuOptions& options) {
  if (memory_.base() == nullptr) {
    return absl::InvalidArgumentError("a software CPU cannot use memory at address 0");
  }
  constexpr size_t kHostSize = size_t{kScratchPages} * kPageSize;
  host_pages_.reset(static_cast<std::byte*>(std::aligned_alloc(kPageSize, kHostSize)));
  if (host_pages_ == nullptr) return absl::ResourceExhaustedError("no memory for a software CPU");

  RETURN_IF_ERROR(CheckExecutableMemory());
  uc_engine* uc = nullptr;
  if (uc_err error = uc_open(UC_ARCH_X86, UC_MODE_32, &uc); error != UC_ERR_OK) {
    return LibraryError("uc_open", error);
  }
  uc_.reset(uc);
  uc_err error = uc_ctl_set_cpu_model(uc, UC_CPU_X86_PENTIUM3);
  // uc_emu_start() stops at its argument `until`, and 0 is a valid guest address. With a list of
  // exits enabled (it stays empty) the library ignores `until`.
  if (error == UC_ERR_OK) error = uc_ctl_exits_enable(uc);
  if (error == UC_ERR_OK) {
    error = uc_mem_map_ptr(uc, 0, memory_.size(), UC_PROT_ALL, memory_.base());
  }
  if (error == UC_ERR_OK) {
    error = uc_mem_map_ptr(uc, kHostFrames, kHostSize, UC_PROT_ALL, host_pages_.get());
  }
  if (error != UC_ERR_OK) return LibraryError("setting up the software CPU", error);

  unicorn_ = std::make_unique<UnicornInternals>(uc, options.layout, memory_.base(), memory_.size());
  RETURN_IF_ERROR(CheckUnicorn(*unicorn_, host_pages_.get(), kHostFrames,
                               /*counted=*/options.counts_instructions));
  unicorn_->set_code_limit(options.code_limit);
  unicorn_->set_client(this);
  std::memset(host_pages_.get(), 0, kHostSize);
  host_area_ = std::make_unique<HostArea>(host_pages_.get());
  trap_accelerator_ = std::make_unique<TrapAccelerator>(memory_, *unicorn_, *host_area_);
  return absl::OkStatus();
}

SoftCpu::~SoftCpu() {
  if (host_area_ != nullptr) memory_.set_write_observer(nullptr);
}

absl::Status SoftCpu::Start(GuestPhys page_directory, uint32_t page_offset) {
  if (!memory_.Contains(GuestPhys(PageAlignDown(page_directory.value())), kPageSize)) {
    return absl::InvalidArgumentError(
        absl::StrCat("page directory at ", absl::Hex(page_directory.value(), absl::kZeroPad8),
                     " lies outside guest memory"));
  }
  tables_ = {.directory = page_directory};

  const auto write = [this](int id, const void* value) {
    return uc_reg_write(uc_.get(), id, value) == UC_ERR_OK;
  };
  uc_x86_mmr gdtr = {};
  gdtr.base = HostArea::kGdtAddress;
  gdtr.limit = HostArea::kGdtLimit;
  uc_x86_mmr tr = {};
  tr.base = HostArea::kTssAddress;
  tr.limit = HostArea::kTssLimit;
  tr.flags = kBusyTss;
  const uc_x86_mmr ldtr = {};
  const uint64_t cr4 = kCr4;
  const uint16_t fpu_control = 0x37f;
  const uint16_t fpu_tags = 0xffff;
  const uint32_t mxcsr = 0x1f80;
  if (!write(UC_X86_REG_GDTR, &gdtr) || !write(UC_X86_REG_TR, &tr) ||
      !write(UC_X86_REG_LDTR, &ldtr) || !write(UC_X86_REG_CR4, &cr4) ||
      !write(UC_X86_REG_FPCW, &fpu_control) || !write(UC_X86_REG_FPTAG, &fpu_tags) ||
      !write(UC_X86_REG_MXCSR, &mxcsr)) {
    return absl::InternalError("the software CPU does not accept its initial registers");
  }

  unicorn_->set_hflags(kHflagsProtected | kHflagsSse);
  SetTaskSwitched(false);
  for (int i = 0; i <= static_cast<int>(Register::kGs); ++i) Set(static_cast<Register>(i), 0);
  SetPageOffset(page_offset);
  FlushTlb();
  return absl::OkStatus();
}

absl::Status SoftCpu::SetAddressSpace(const AddressSpace& space) {
  tables_.format = space.format;
  tables_.bad_table_entry_flags = space.bad_table_entry_flags;
  SetPageOffset(space.page_offset);
  FlushTlb();
  return absl::OkStatus();
}

void SoftCpu::SetPageOffset(uint32_t page_offset) {
  page_offset_ = page_offset;
  unicorn_->set_user_limit(page_offset & ~(kReservedTop - 1));
}

absl::StatusOr<Vcpu::Stop> SoftCpu::Run(TrapHandler& handler) {
  handler_ = &handler;
  handler_stopped_ = false;
  InstructionCounter* const counter = unicorn_->counter();
  while (!kicked_.exchange(false)) {
    if (counter != nullptr && counter->is_stop_due()) {
      const std::optional<DebugHit::Kind> kind = counter->TakeDebugStop();
      if (!kind.has_value()) {
        counter->TakeStop();
        return Stop::kCount;
      }
      if (*kind == DebugHit::Kind::kInstruction) {
        unicorn_->set_hit({.kind = *kind, .address = unicorn_->eip()});
      }
      return Stop::kDebug;
    }
    const auto end = unicorn_->Run(unicorn_->eip());
    RETURN_IF_ERROR(end.status());
    if (handler_stopped_) return Stop::kHandler;
    if (*end == UnicornInternals::RunEnd::kIllegalInstruction) {
      if (ExecuteLoop()) continue;
      Trap trap;
      trap.vector = kInvalidOpcode;
      if (!handler.OnTrap(trap)) return Stop::kHandler;
    } else if (!kicked_.load() && (counter == nullptr || !counter->is_stop_due())) {
      return absl::InternalError("the software CPU stopped without a request");
    }
  }
  return Stop::kKicked;
}

void SoftCpu::Kick() {
  kicked_.store(true);
  unicorn_->RequestExit();
}

uint32_t SoftCpu::Get(Register reg) const {
  if (reg < Register::kEip) return unicorn_->reg(static_cast<int>(reg));
  if (reg == Register::kEip) return unicorn_->eip();
  if (reg >= Register::kEs) return unicorn_->selector(SegmentIndex(reg));
  return unicorn_->eflags();
}

std::optional<FpuRegisters> SoftCpu::fpu() const {
  const auto read = [this](int id, auto* to) {
    return uc_reg_read(uc_.get(), id, to) == UC_ERR_OK;
  };
  FpuRegisters fpu;
  bool ok = read(UC_X86_REG_FPCW, &fpu.control) && read(UC_X86_REG_FPSW, &fpu.status) &&
            read(UC_X86_REG_FPTAG, &fpu.tags) && read(UC_X86_REG_MXCSR, &fpu.mxcsr);
  for (int i = 0; i < 8 && ok; ++i) {
    std::array<std::byte, 10> number = {};
    ok = read(UC_X86_REG_FP0 + i, &number) && read(UC_X86_REG_XMM0 + i, &fpu.xmm[i]);
    std::memcpy(&fpu.r[i].significand, number.data(), 8);
    std::memcpy(&fpu.r[i].sign_and_exponent, &number[8], 2);
  }
  return ok ? std::optional(fpu) : std::nullopt;
}

void SoftCpu::Set(Register reg, uint32_t value) {
  if (reg < Register::kEip) {
    unicorn_->set_reg(static_cast<int>(reg), value);
  } else if (reg == Register::kEip) {
    unicorn_->set_eip(value);
  } else if (reg >= Register::kEs) {
    SetSegment(reg, static_cast<uint16_t>(value));
  } else {
    unicorn_->set_eflags(value);
  }
}

void SoftCpu::SetSegment(Register reg, uint16_t selector) {
  LoadSegment(*unicorn_, *host_area_, SegmentIndex(reg), selector);
  DeriveHflags(*unicorn_);
}

void SoftCpu::SetGdt(std::span<const uint64_t, kGdtEntries> gdt) { host_area_->SetGdt(gdt); }

void SoftCpu::SetTaskSwitched(bool on) {
  const uint32_t cr0 = on ? kCr0 | kCr0TaskSwitched : kCr0;
  if (cr0 == cr0_) return;
  cr0_ = cr0;
  const uint64_t value = cr0;
  uc_reg_write(uc_.get(), UC_X86_REG_CR0, &value);
  // uc_reg_write() only stores CR0. The library's code tests the copies of MP, EM and TS in hflags.
  unicorn_->set_hflags((unicorn_->hflags() & ~kHflagsCr0Mask) |
                       ((cr0 << kHflagsCr0Shift) & kHflagsCr0Mask));
}

void SoftCpu::SetPageDirectory(GuestPhys page_directory) {
  const bool same_kernel =
      page_directory == tables_.directory || SameKernelHalf(page_directory, tables_.directory);
  tables_.directory = page_directory;
  if (same_kernel) {
    FlushUserTlb();
  } else {
    FlushTlb();
  }
}

bool SoftCpu::SameKernelHalf(GuestPhys a, GuestPhys b) const {
  const bool is_pae = tables_.format == PagingFormat::kPae;
  const uint32_t shift = is_pae ? kPaeTopShift : kDirectoryShift;
  // A top entry of PAE may map user addresses, too.
  if (is_pae && (page_offset_ & ((1u << shift) - 1)) != 0) return false;
  const uint32_t first = page_offset_ >> shift;
  const uint32_t end = is_pae ? kPaeTopEntries : kHostDirectoryEntry;
  if (first >= end) return true;
  const uint32_t entry_size = is_pae ? kPaeEntrySize : uint32_t{sizeof(uint32_t)};
  const uint32_t len = (end - first) * entry_size;
  const auto half = [&](GuestPhys directory) {
    const uint32_t root = is_pae ? PaeDirectory(directory) : PageAlignDown(directory.value());
    return memory_.Range(GuestPhys(root + first * entry_size), len);
  };
  const auto half_a = half(a);
  const auto half_b = half(b);
  return half_a.ok() && half_b.ok() && std::memcmp(half_a->data(), half_b->data(), len) == 0;
}

void SoftCpu::FlushTlb() { unicorn_->FlushAll(); }

void SoftCpu::FlushUserTlb() { unicorn_->FlushUser(); }

void SoftCpu::FlushPage(GuestPhys directory, GuestVirt page) {
  // All directories share the kernel's page tables. User pages belong to one directory.
  if (directory != tables_.directory && page.value() < page_offset_) return;
  unicorn_->FlushPage(PageAlignDown(page.value()));
}

void SoftCpu::FlushDirectoryEntry(GuestPhys directory, uint32_t index) {
  if (index >= kHostDirectoryEntry || !unicorn_->HasFilled(index)) return;
  if (index >= page_offset_ >> kDirectoryShift) {
    FlushTlb();
  } else if (directory == tables_.directory) {
    FlushUserTlb();
  }
}

void SoftCpu::OnWrite(GuestPhys addr, uint32_t len) { unicorn_->InvalidateCode(addr.value(), len); }

TlbFill SoftCpu::FillTlb(uint32_t address, Access access, bool user) {
  const GuestVirt virt(address);
  const bool host = HostArea::Contains(virt);
  const Translation translation = host ? HostArea::Translate(virt, access, user)
                                       : WalkPageTables(memory_, tables_, virt, access, user);
  TlbFill fill;
  fill.mapped = translation.result == Translation::Result::kMapped;
  fill.frame = translation.frame.value() + (host ? kHostFrames : 0);
  fill.writable = translation.writable;
  fill.executable = !host;
  fill.error_code = translation.error_code;
  if (!fill.mapped) {
    fault_address_ = address;
    fault_access_ = access;
    fault_result_ = translation.result;
    fault_frame_ = translation.frame;
  }
  return fill;
}

bool SoftCpu::OnException(uint8_t vector, bool software, uint32_t error_code) {
  Trap trap;
  trap.vector = vector;
  trap.error_code = error_code;
  if (software) {
    trap.kind = Trap::Kind::kSoftwareInterrupt;
  } else if (vector == kPageFault) {
    trap = PageFault(error_code);
  }
  if (trap_accelerator_->TryEnter(trap) || handler_->OnTrap(trap)) return true;
  handler_stopped_ = true;
  return false;
}

// True if the guest has a page table of its own for the host area (ABI.md §4.16).
bool SoftCpu::GuestMapsHostArea() const {
  if (tables_.format != PagingFormat::kTwoLevel) return false;
  const GuestPhys entry(PageAlignDown(tables_.directory.value()) +
                        kHostDirectoryEntry * uint32_t{sizeof(uint32_t)});
  const absl::StatusOr<uint32_t> value = memory_.Read<uint32_t>(entry);
  return value.ok() && (*value & kEntryPresent) != 0;
}

Trap SoftCpu::PageFault(uint32_t error_code) const {
  Trap trap;
  trap.vector = kPageFault;
  trap.error_code = error_code;
  trap.cr2 = fault_address_;
  if (fault_result_ == Translation::Result::kBadDirectoryEntry) {
    trap.kind = Trap::Kind::kBadPageDirectoryEntry;
  } else if (fault_result_ == Translation::Result::kBadTableEntry) {
    trap.kind = Trap::Kind::kBadPageTableEntry;
    trap.frame = fault_frame_;
  } else if (HostArea::Contains(GuestVirt(fault_address_)) && GuestMapsHostArea()) {
    trap.kind = Trap::Kind::kHostAreaDamaged;
  } else if (fault_access_ == Access::kRead) {
    if (IsReadModifyWrite([this](int n) { return CodeByte(n); })) {
      trap.error_code |= kFaultWrite;
    }
  }
  return trap;
}

bool SoftCpu::ExecuteLoop() {
  const LoopState before = {.ecx = Get(Register::kEcx), .eip = Get(Register::kEip)};
  const auto after = ExecuteConditionalLoop(before, (Get(Register::kEflags) & kEflagsZero) != 0,
                                            (unicorn_->hflags() & kHflagsCode32) != 0,
                                            [this](int n) { return CodeByte(n); });
  if (!after.has_value()) return false;
  Set(Register::kEcx, after->ecx);
  Set(Register::kEip, after->eip);
  return true;
}

// Returns byte n of the instruction at %eip. The library has just read it. Returns 0 if the guest
// has unmapped the page since then.
uint8_t SoftCpu::CodeByte(int n) const {
  const uint32_t address = unicorn_->segment(SegmentIndex(Register::kCs)).base + unicorn_->eip() +
                           static_cast<uint32_t>(n);
  const bool user = PrivilegeLevel(*this) == 3;
  const Translation code =
      WalkPageTables(memory_, tables_, GuestVirt(address), Access::kExecute, user);
  if (code.result != Translation::Result::kMapped) return 0;
  return memory_.Fetch<uint8_t>(GuestPhys(code.frame.value() + address % kPageSize));
}

CpuidResult SoftCpu::Cpuid(uint32_t leaf) { return PentiumThreeCpuid(leaf); }

}  // namespace lguest::hostsim
