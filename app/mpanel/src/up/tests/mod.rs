mod backups;
mod machine;
mod pure;
mod sockets;
mod trial;
mod upgrade;
