// Closes what the launcher has inherited.

#ifndef LAUNCHER_SANDBOX_DESCRIPTORS_H_
#define LAUNCHER_SANDBOX_DESCRIPTORS_H_

namespace lguest::sandbox {

// Closes each descriptor above 2 that is not close-on-exec. Those are inherited: the launcher opens
// everything close-on-exec, and marks those descriptors that the command line names.
void CloseInheritedDescriptors();

}  // namespace lguest::sandbox

#endif  // LAUNCHER_SANDBOX_DESCRIPTORS_H_
