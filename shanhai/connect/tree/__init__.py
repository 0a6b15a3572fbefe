"""Trees of files: a folder, an FTP server, an SFTP server, read alike."""
