"""What the tests share: real servers, real processes, and an exit code that is the tests' own."""
