module kit.local/pause

go 1.24
