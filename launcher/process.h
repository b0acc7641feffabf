// The launcher as a process of its machine.

#ifndef LAUNCHER_PROCESS_H_
#define LAUNCHER_PROCESS_H_

namespace lguest {

// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed. Otherwise the next file
// that is opened, such as a disk, would become standard output. First of all in main().
void FillStandardDescriptors();

// Ignores the signals for a write to a closed pipe (SIGPIPE) and for a file that reaches the limit
// of its size (SIGXFSZ): both are errors of the write, like others.
void MakeWriteErrorsHarmless();

// True if all threads of the launcher share one processor.
bool HasOneProcessor();

}  // namespace lguest

#endif  // LAUNCHER_PROCESS_H_
