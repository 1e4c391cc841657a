mod decisions;
mod files;
mod forged;
mod inventory;
mod missing;
mod rotation;
