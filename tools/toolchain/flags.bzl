"""flags_feature: a feature of a toolchain from lists of flags."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl", "feature", "flag_group", "flag_set")

_C = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.c_compile,
    ACTION_NAMES.preprocess_assemble,
]
_CXX = [
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
    ACTION_NAMES.linkstamp_compile,
]
_LINK_PROGRAM = [ACTION_NAMES.cpp_link_executable]
_LINK_LIBRARY = [
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

def flags_feature(name, c = [], cxx = [], compile = [], link = [], link_program = [], link_library = [], enabled = True, **kwargs):
    """Returns a feature made of lists of flags.

    Args:
      name: name of the feature.
      c: flags to compile C and assembly.
      cxx: flags to compile C++.
      compile: flags to compile each language.
      link: flags to link programs and shared libraries.
      link_program: flags to link programs.
      link_library: flags to link shared libraries.
      enabled: whether the feature is on without being requested.
      **kwargs: further arguments of feature().

    Returns:
      The feature.
    """
    sets = [
        (_C + _CXX, compile),
        (_C, c),
        (_CXX, cxx),
        (_LINK_PROGRAM, link_program),
        (_LINK_LIBRARY, link_library),
        (_LINK_PROGRAM + _LINK_LIBRARY, link),
    ]
    return feature(
        name = name,
        enabled = enabled,
        flag_sets = [
            flag_set(actions = actions, flag_groups = [flag_group(flags = flags)])
            for actions, flags in sets
            if flags
        ],
        **kwargs
    )
