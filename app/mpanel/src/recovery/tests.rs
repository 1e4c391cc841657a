mod decisions;
mod files;
mod forged;
mod inventory;
mod rotation;
