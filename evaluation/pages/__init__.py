"""Pages of HTML that are one file each and need no network: what all of them share."""
