#include "testdata/guest/pages.h"

#include "testdata/guest/hypercall.h"
#include "testdata/guest/memory.h"

namespace guest {
namespace {

uint32_t first_page;
uint32_t end_page;
uint32_t next_fresh;  // this page and all after it were never used
uint32_t free_list;   // each free page holds the address of the next free page
uint32_t free_pages;
uint8_t* users;  // number of users of each page

bool IsManaged(uint32_t page) { return page >= first_page && page < end_page; }
uint8_t& Users(uint32_t page) { return users[(page - first_page) / kPageSize]; }

}  // namespace

void InitPages(uint32_t first, uint32_t end) {
  first = PageAlignUp(first);
  end = PageStart(end);
  // The array is in the first pages of the memory that it describes.
  users = ToVirt<uint8_t>(first);
  memset(users, 0, (end - first) / kPageSize);
  first_page = first + PageAlignUp((end - first) / kPageSize);
  end_page = end;
  next_fresh = first_page;
  free_pages = (end_page - first_page) / kPageSize;
}

uint32_t AllocatePage() {
  uint32_t page = free_list;
  if (page != 0) {
    free_list = *ToVirt<uint32_t>(page);
  } else if (next_fresh < end_page) {
    page = next_fresh;
    next_fresh += kPageSize;
  } else {
    Crash("out of memory");
  }
  --free_pages;
  Users(page) = 1;
  memset(ToVirt<void>(page), 0, kPageSize);
  return page;
}

void SharePage(uint32_t page) {
  if (IsManaged(page)) ++Users(page);
}

void ReleasePage(uint32_t page) {
  if (!IsManaged(page) || --Users(page) != 0) return;
  *ToVirt<uint32_t>(page) = free_list;
  free_list = page;
  ++free_pages;
}

bool IsShared(uint32_t page) { return !IsManaged(page) || Users(page) > 1; }

uint32_t FreePages() { return free_pages; }

}  // namespace guest
