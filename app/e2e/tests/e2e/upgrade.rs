//! From one version to the next while people work and visit: the next one proves itself or the one before serves on, whatever is
//! wrong with it and whoever is killed on the way. The next version is the same program that pretends to be another.

mod kills;
mod passes;
mod rolls_back;
mod world;
