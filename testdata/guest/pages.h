// Allocation of physical pages, with reference counts.

#ifndef TESTDATA_GUEST_PAGES_H_
#define TESTDATA_GUEST_PAGES_H_

#include <cstdint>

namespace guest {

// Takes over the guest-physical pages [first, end). Pages outside are never freed.
void InitPages(uint32_t first, uint32_t end);

// Returns the guest-physical address of a zeroed page with one user. Crashes the guest if no page
// is free.
uint32_t AllocatePage();

// SharePage() adds a user. ReleasePage() removes one, and frees the page of the last user.
void SharePage(uint32_t page);
void ReleasePage(uint32_t page);

// Returns whether the page has more than one user.
bool IsShared(uint32_t page);

uint32_t FreePages();

}  // namespace guest

#endif  // TESTDATA_GUEST_PAGES_H_
