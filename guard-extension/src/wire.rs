//! Messages of the network that strangers write: total, bounded parsers and the encoders that go
//! with them. Must not know: sockets, policy.

pub mod dns;
