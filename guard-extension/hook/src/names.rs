//! Names learned from answers of the forwarder: which of them an address belongs to.
