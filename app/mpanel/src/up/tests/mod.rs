mod machine;
mod pure;
mod sockets;
