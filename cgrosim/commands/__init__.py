"""The subcommands of the command line, one module each: options, and what to call and print."""
