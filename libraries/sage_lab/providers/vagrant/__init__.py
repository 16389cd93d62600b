"""Virtual machines by Vagrant and libvirt."""
