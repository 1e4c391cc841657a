mod decisions;
mod files;
mod inventory;
