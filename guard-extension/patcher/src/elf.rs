//! The parts of an ELF file that patching needs.
