"""One module a file format: reads headers before anything is decoded and tells whole files from cut ones."""
