//! The patcher beside a disassembler, over the programs of this machine.

mod corpus;
mod objdump;
