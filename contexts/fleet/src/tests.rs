mod directory;
mod nodes;
mod support;
