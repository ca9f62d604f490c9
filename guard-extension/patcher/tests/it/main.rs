//! The patcher beside a disassembler, over the programs of this machine.

mod apply;
mod corpus;
mod objdump;
mod rewrite;
