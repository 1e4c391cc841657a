mod backups;
mod machine;
mod pure;
mod sockets;
mod upgrade;
