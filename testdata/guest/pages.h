// Physical pages: who has how many of them.

#ifndef TESTDATA_GUEST_PAGES_H_
#define TESTDATA_GUEST_PAGES_H_

#include <cstdint>

namespace guest {

// Takes over the guest-physical pages [first, end). Pages outside are never freed.
void InitPages(uint32_t first, uint32_t end);

// A zeroed page with one user, as its guest-physical address. The guest ends when there is none.
uint32_t AllocatePage();

// One user more, and one less: the last one's leaving frees the page.
void SharePage(uint32_t page);
void ReleasePage(uint32_t page);

// Whether another user would see what is written to the page.
bool IsShared(uint32_t page);

uint32_t FreePages();

}  // namespace guest

#endif  // TESTDATA_GUEST_PAGES_H_
