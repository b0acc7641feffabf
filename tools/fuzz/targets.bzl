"""The fuzz targets of the repository. The macro fuzz_test refuses a target that is not in this list."""

FUZZ_TARGETS = [
    "//devices/block:block_request_fuzz",
    "//devices/bus:dma_chain_fuzz",
    "//devices/net:peer_packet_fuzz",
    "//devices/net:tun_spec_fuzz",
    "//devices/virtio:lguest_bus_fuzz",
    "//devices/virtio:pci_bus_fuzz",
    "//devices/virtio:virtqueue_fuzz",
    "//hostsim:kernel_instructions_fuzz",
    "//hostsim/softcpu:translator_fuzz",
    "//hostsim/testing:script_fuzz",
    "//launcher:memory_size_fuzz",
    "//launcher:options_fuzz",
    "//launcher/gdb:server_fuzz",
    "//launcher/timetravel:recording_fuzz",
    "//loader:boot_params_fuzz",
    "//loader:bzimage_fuzz",
    "//loader:elf_fuzz",
    "//loader:page_offset_fuzz",
]
