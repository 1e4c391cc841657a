//! `kill -9` of each process, at each step of the operations on sites: what was begun is finished or undone, nothing is left behind,
//! and visitors notice nothing.

mod data_plane;
mod midway;
mod steps;
mod whole;
mod world;
