"""What authserver mints and skill accepts: the only place where both services meet in one process."""
