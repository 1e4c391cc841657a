mod accounts;
mod decide;
mod sites;
