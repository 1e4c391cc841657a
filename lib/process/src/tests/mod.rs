mod process;
mod procfs;
