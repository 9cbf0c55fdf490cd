module ekmcheck.example/peers/go-server

go 1.22
