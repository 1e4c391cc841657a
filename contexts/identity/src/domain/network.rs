pub use mpanel_kernel::network::Network;
