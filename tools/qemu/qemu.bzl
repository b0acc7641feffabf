"""Rules that boot a kernel in QEMU and run a program there as root.

The machine has no network and only the disks that the rule declares. Its console is standard output. tools/README.md
explains how to use the rules.
"""

_FileFlagInfo = provider(doc = "A file that the user supplies.", fields = ["path"])

def _file_flag_impl(ctx):
    return [_FileFlagInfo(path = ctx.build_setting_value)]

file_flag = rule(
    doc = "A flag whose value is the absolute path of a file. qemu_test accepts it wherever it accepts a file.",
    implementation = _file_flag_impl,
    build_setting = config.string(flag = True),
)

def _in_machine(ctx, short_path):
    """Returns the path of a runfile in the machine. The tree below /runfiles is that of a test's runfiles."""
    if short_path.startswith("../"):
        return "/runfiles/" + short_path[len("../"):]
    return "/runfiles/" + ctx.workspace_name + "/" + short_path

def _files(ctx, targets):
    """Returns {path in the machine: path in the runfiles} of the targets, and their files."""
    paths = {}
    depsets = []
    for target in targets:
        if _FileFlagInfo in target:
            label = target.label
            paths[_in_machine(ctx, label.package + "/" + label.name)] = target[_FileFlagInfo].path
            continue
        depsets += [target[DefaultInfo].files, target[DefaultInfo].default_runfiles.files]
    files = depset(transitive = depsets)
    for file in files.to_list():
        paths[_in_machine(ctx, file.short_path)] = file.short_path
    return paths, files

def _machine_impl(ctx):
    targets = {target.label: target for target in ctx.attr.data + [ctx.attr.program]}.values()
    paths, files = _files(ctx, targets)
    library_folder = "lib/x86_64-linux-gnu/"
    qemu = ctx.attr._qemu.label.workspace_root.replace("external/", "../", 1)
    for library in ["libc.so.6", "libm.so.6"]:
        paths["/" + library_folder + library] = qemu + "/" + library_folder + library
    paths["/lib64/ld-linux-x86-64.so.2"] = qemu + "/" + library_folder + "ld-linux-x86-64.so.2"

    inputs = [files]
    if _FileFlagInfo in ctx.attr.kernel:
        kernel = ctx.attr.kernel[_FileFlagInfo].path
    else:
        kernel = ctx.files.kernel[0].short_path
        inputs.append(depset(ctx.files.kernel))
    if _FileFlagInfo in ctx.attr.program:
        fail("the program must be a file of this build", "program")
    program = ctx.attr.program[DefaultInfo].files_to_run.executable or ctx.files.program[0]
    description = struct(
        name = str(ctx.label),
        kernel = kernel,
        flags = {
            "--//{}:{}".format(target.label.package, target.label.name): target[_FileFlagInfo].path
            for target in targets + [ctx.attr.kernel]
            if _FileFlagInfo in target
        },
        module_tree = ctx.file._modules.short_path,
        modules = ctx.attr.modules,
        init = ctx.file._init.short_path,
        busybox = ctx.file._busybox.short_path,
        qemu = qemu,
        files = paths,
        environment = {
            "HOME": "/root",
            "PATH": "/bin",
            "RUNFILES_DIR": "/runfiles",
            "TERM": "vt100",
            "TEST_TMPDIR": "/tmp",
            "TMPDIR": "/tmp",
        },
        directory = "/runfiles/" + ctx.workspace_name,
        command = [_in_machine(ctx, program.short_path)] + [
            ctx.expand_location(argument, targets)
            for argument in ctx.attr.program_args
        ],
        passes = ctx.attr.passes,
        cpu = ctx.attr.cpu,
        memory = ctx.attr.memory,
        disks = ctx.attr.disks,
        disk_bus = ctx.attr.disk_bus,
        tty = ctx.attr.tty,
        null_modem = ctx.attr.null_modem,
        kernel_args = ctx.attr.kernel_args,
        qemu_args = ctx.attr.qemu_args,
    )
    out = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(out, description.to_json())
    runfiles = ctx.runfiles(
        files = [out, ctx.file._modules, ctx.file._init, ctx.file._busybox] + ctx.files._qemu,
        transitive_files = depset(transitive = inputs),
    )
    return [DefaultInfo(files = depset([out]), runfiles = runfiles)]

_machine = rule(
    implementation = _machine_impl,
    attrs = {
        "cpu": attr.string(default = "qemu64", doc = "QEMU's -cpu, as in 'qemu64,+svm,+npt'."),
        "data": attr.label_list(allow_files = True, doc = "Additional files in the machine, with their runfiles."),
        "disk_bus": attr.string(default = "virtio", values = ["ide", "virtio"], doc = "The bus of the disks: they are /dev/vda, or /dev/hda or /dev/sda."),
        "disks": attr.string_list(doc = "Sizes of the disks, as in '64M'. The disks contain zeros."),
        "kernel": attr.label(default = "@linux_cloud//:vmlinuz", allow_files = True, doc = "The kernel."),
        "kernel_args": attr.string_list(doc = "Additional words of the kernel's command line."),
        "memory": attr.string(default = "256M", doc = "The machine's memory."),
        "modules": attr.string_list(doc = "Modules of @linux_cloud to load; their dependencies are loaded first."),
        "null_modem": attr.bool(doc = "Whether /dev/ttyS2 and /dev/ttyS3 are connected to each other."),
        "passes": attr.string_list(doc = "Names of tests: the program must print 'PASS name' for each of them, and never 'FAIL name'."),
        "program": attr.label(mandatory = True, allow_files = True, doc = "The program to run, with its runfiles."),
        "program_args": attr.string_list(doc = "Arguments of the program. $(rootpath ...) is expanded."),
        "qemu_args": attr.string_list(doc = "Additional arguments of QEMU."),
        "tty": attr.bool(doc = "Whether the console is the program's terminal, with this command's standard input on it."),
        "_busybox": attr.label(default = "@busybox//:bin/busybox", allow_single_file = True),
        "_init": attr.label(default = "//tools/qemu:init", allow_single_file = True),
        "_modules": attr.label(default = "@linux_cloud//:modules", allow_single_file = True),
        "_qemu": attr.label(default = "@qemu//:tree"),
    },
)

_MACHINE_ATTRS = [
    "cpu",
    "data",
    "disk_bus",
    "disks",
    "kernel",
    "kernel_args",
    "memory",
    "modules",
    "null_modem",
    "passes",
    "program",
    "program_args",
    "qemu_args",
    "tty",
]

def _run_machine(rule, name, kwargs):
    _machine(
        name = name + ".machine",
        testonly = True,
        tags = ["manual"],
        **{key: kwargs.pop(key) for key in _MACHINE_ATTRS if key in kwargs}
    )
    rule(
        name = name,
        srcs = ["//tools/qemu:run.py"],
        main = "//tools/qemu:run.py",
        args = ["$(rootpath {}.machine)".format(name)],
        data = [name + ".machine"],
        python_version = "PY3",
        deps = ["//tools/qemu:machine"],
        **kwargs
    )

def qemu_test(name, **kwargs):
    """A test that runs a program in a machine."""
    _run_machine(native.py_test, name, kwargs)

def qemu_binary(name, **kwargs):
    """The same as qemu_test, for `bazel run`."""
    _run_machine(native.py_binary, name, dict(kwargs, testonly = True))
