// Statuses: returning early, and saying what errno meant.
//
//   absl::StatusOr<uint64_t> SizeOf(const std::string& path) {
//     ASSIGN_OR_RETURN(const UniqueFd fd, Open(path));
//     RETURN_IF_ERROR(CheckKind(fd));
//     struct stat file;
//     if (fstat(fd.get(), &file) != 0) return ErrnoStatus("examining ", path);
//     return file.st_size;
//   }

#ifndef LAUNCHER_BASE_STATUS_MACROS_H_
#define LAUNCHER_BASE_STATUS_MACROS_H_

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

// Returns the status from the enclosing function unless it is OK.
#define RETURN_IF_ERROR(expression)                                                               \
  do {                                                                                            \
    if (const absl::Status& returned_status = (expression); !returned_status.ok()) [[unlikely]] { \
      return returned_status;                                                                     \
    }                                                                                             \
  } while (false)

// Assigns the value of an absl::StatusOr, or returns its status from the enclosing function.
// `declaration` may declare a variable; it has no comma outside parentheses.
#define ASSIGN_OR_RETURN(declaration, expression) \
  LGUEST_ASSIGN_OR_RETURN_(LGUEST_CONCATENATE_(status_or_, __LINE__), declaration, expression)

// A declaration has no parentheses. NOLINTBEGIN(bugprone-macro-parentheses)
#define LGUEST_ASSIGN_OR_RETURN_(status_or, declaration, expression) \
  auto status_or = (expression);                                     \
  if (!status_or.ok()) [[unlikely]]                                  \
    return std::move(status_or).status();                            \
  declaration = *std::move(status_or)
// NOLINTEND(bugprone-macro-parentheses)
#define LGUEST_CONCATENATE_(a, b) LGUEST_CONCATENATE_AGAIN_(a, b)
#define LGUEST_CONCATENATE_AGAIN_(a, b) a##b

namespace lguest {

// The status of errno, with a message like absl::StrCat(pieces...). Reads errno before it builds
// the message, which may change errno. So the pieces are plain values, not calls that build text.
template <typename... Pieces>
absl::Status ErrnoStatus(const Pieces&... pieces) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(pieces...));
}

// The same, with a message like absl::StrFormat(format, args...).
template <typename... Args>
absl::Status ErrnoStatusF(const absl::FormatSpec<Args...>& format, const Args&... args) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrFormat(format, args...));
}

}  // namespace lguest

#endif  // LAUNCHER_BASE_STATUS_MACROS_H_
